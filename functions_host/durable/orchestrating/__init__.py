"""One turn of an orchestration after the other: messages in, decisions out."""

"""What a command needs on this machine, installed or named with its remedy."""

"""The blob trigger: scan, receipts, queue, invocation, poison (contract C)."""

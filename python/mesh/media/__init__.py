"""Files beside calls: a tool stores bytes and hands on a URI, on this machine's disk or in S3."""

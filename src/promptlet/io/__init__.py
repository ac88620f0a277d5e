"""Files: atomic writes, digests, Parquet records, append-only journals, manifests."""

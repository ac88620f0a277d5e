"""Where the work on records is done: `local` in processes of this machine, `ray` on a Ray cluster."""

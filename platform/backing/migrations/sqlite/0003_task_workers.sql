-- Who holds a claim, where that can be told, so that a dead worker's claims need not wait for their lease.
ALTER TABLE tasks ADD COLUMN worker BLOB;

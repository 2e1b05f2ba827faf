-- The client that opened a session for its user.
ALTER TABLE playbacks ADD COLUMN client_id BLOB;
CREATE INDEX playbacks_of_client ON playbacks (client_id) WHERE client_id IS NOT NULL;

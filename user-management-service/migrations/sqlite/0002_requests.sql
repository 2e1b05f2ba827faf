-- Backing's table `once` knows repeated sign-ups now. A digest can't be moved there, for it does not hold the key: a
-- sign-up that is repeated across this step is answered that the address is taken.
ALTER TABLE users DROP COLUMN made_with;

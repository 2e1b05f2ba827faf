/** The address that was typed on one of the pages for signing in and up; the other page takes it over. */
export const entered = { address: '' };

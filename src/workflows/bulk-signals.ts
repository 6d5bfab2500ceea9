/** Something in the store has changed that a bulk run should look at: a pause is over. */
export const bulkChanged = 'bulk-changed';

import pc from 'picocolors';

/** Colors for people only: what is piped or logged stays plain, also where a CI asks for color. */
export const colors = pc.createColors(process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined);

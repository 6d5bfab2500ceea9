/** Whether a status is among those that are named one by one, or as a class like `5xx`. */
export function isAmong(status: number, named: readonly (number | string)[]): boolean {
  return named.some((one) =>
    typeof one === 'number' ? one === status : one[0] === String(Math.floor(status / 100)),
  );
}

/** What the durable monitor of upstreams asks of the world. */
export interface HealthActivities {
  /** Checks whatever is due, for the time of a shift. */
  watchHealth(): Promise<void>;
}

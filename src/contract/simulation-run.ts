/** What the workflow of a simulation and its activities tell each other: references only. */
export interface SimulationInput {
  readonly simulation_id: string;
}

export interface SimulationActivities {
  /** Replays page after page for some time, from where the store says that it was left. */
  simulatePolicy(input: SimulationInput): Promise<{ readonly done: boolean }>;
  /** Of one that did not come to its end by itself. */
  endSimulation(
    input: SimulationInput & { readonly status: 'failed' | 'cancelled'; readonly error: string | null },
  ): Promise<void>;
}

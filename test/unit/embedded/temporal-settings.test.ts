import { dynamicConfig, searchAttributes } from '../../../src/embedded/temporal-settings';

describe('temporal/', () => {
  it('fits the columns that a SQL visibility store has', () => {
    const types = Object.values(searchAttributes());
    expect(types.filter((type) => type === 'Keyword')).toHaveLength(10);
    expect(types.filter((type) => type === 'KeywordList')).toHaveLength(3);
  });

  it('turns off the dispatch and timer steps of the defaults', () => {
    expect(dynamicConfig()).toMatchObject({
      'system.enableEagerWorkflowStart': true,
      'system.enableActivityEagerExecution': true,
      'history.transferProcessorMaxPollRPS': 2000,
      'history.timerProcessorMaxPollRPS': 2000,
      'history.timerProcessorMaxTimeShift': '10ms',
      'matching.useNewMatcher': true,
      'matching.enableFairness': true,
    });
  });
});

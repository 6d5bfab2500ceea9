import { pausePointFrom } from '../../../src/config/pause-point';

describe('Pause points', () => {
  let said: jest.SpyInstance;
  beforeEach(() => (said = jest.spyOn(process.stderr, 'write').mockReturnValue(true)));
  afterEach(() => said.mockRestore());

  it('hold nowhere unless one is named, and nowhere outside development', async () => {
    await pausePointFrom({}, 'development')('claimed');
    await pausePointFrom({ CONCLAVE_PAUSE_AT: 'claimed' }, 'production')('claimed');
    await pausePointFrom({ CONCLAVE_PAUSE_AT: 'claimed' }, 'development')('started');
    expect(said).not.toHaveBeenCalled();
  });

  it('hold at the named one, and say so', async () => {
    let passed = false;
    void pausePointFrom(
      { CONCLAVE_PAUSE_AT: 'claimed' },
      'development',
    )('claimed').then(() => (passed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(passed).toBe(false);
    expect(said).toHaveBeenCalledWith('paused at claimed\n');
  });
});

// These tests race real processes on whatever machine they run on: one that fails is tried once more, and both failures
// are reported. A fault in the product fails twice.
jest.retryTimes(1, { logErrorsBeforeRetry: true });

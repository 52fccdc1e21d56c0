/** Tests run as built: worker threads start from JavaScript, and what is tested is what is shipped. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/dist/test'],
  testMatch: ['**/*.test.js'],
  transform: {},
  testTimeout: 60_000,
  // Every file starts its own servers and workers. One worker more than two cores: some tests wait for timers.
  maxWorkers: 3,
};

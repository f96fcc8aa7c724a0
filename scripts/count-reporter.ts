/** Ends a test run with one line that counts it: `N passed, N failed`. What broke outside any test is a failure too. */
import type { Reporter, TestModule } from 'vitest/node'

export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state))
    const broken = modules.filter((module) => module.errors().length > 0).length + unhandledErrors.length
    const count = (state: string): number => states.filter((each) => each === state).length
    console.log(`${count('passed')} passed, ${count('failed') + broken} failed`)
  }
}

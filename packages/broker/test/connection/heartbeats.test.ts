import { FrameWriter } from '@aether/wire'
import { expect, test } from 'vitest'
import type { Connection } from '../../src/connection/connection.ts'
import { Heartbeats } from '../../src/connection/heartbeats.ts'

function setup() {
  const state = { dropped: 0, rested: 0 }
  const fake = {
    out: new FrameWriter(),
    open: true,
    holds: 0,
    heardAt: 0,
    pinged: false,
    touch() {},
    rest: () => void state.rested++,
    drop: () => {
      state.dropped++
      connections.delete(connection)
    },
  }
  const connection = fake as unknown as Connection
  const connections = new Set([connection])
  const heartbeats = new Heartbeats(connections, 100, 0)
  /** Runs whenever it is due, up to a time. */
  const runUntil = (time: number): void => {
    for (let due = heartbeats.nextDueAt(); due <= time; due = heartbeats.nextDueAt()) heartbeats.run(due)
  }
  return { state, connection, heartbeats, runUntil }
}

test('asks after one heartbeat of silence, once, and drops after two', () => {
  const { state, connection, heartbeats, runUntil } = setup()
  runUntil(99)
  expect([connection.pinged, state.rested]).toEqual([false, 1])
  runUntil(199)
  expect([connection.pinged, state.dropped]).toEqual([true, 0])
  runUntil(200)
  expect([state.dropped, heartbeats.lost]).toEqual([1, 1])
})

test('one that is not read from is not blamed, nor one that has not said HELLO', () => {
  const { state, connection, runUntil } = setup()
  connection.holds = 1
  runUntil(1_000)
  connection.holds = 0
  connection.open = false
  runUntil(2_000)
  expect([state.dropped, connection.pinged]).toEqual([0, false])
})

test('after a pause of the process itself everyone is asked before anyone is dropped', () => {
  const { state, connection, heartbeats, runUntil } = setup()
  heartbeats.run(60_000)
  expect([state.dropped, connection.pinged]).toEqual([0, true])
  connection.heardAt = 60_010
  connection.pinged = false
  runUntil(60_150)
  expect(state.dropped).toBe(0)
  runUntil(60_300)
  expect(state.dropped).toBe(1)
})

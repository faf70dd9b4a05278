import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks of Linux are 10 ms each. */
const usPerTick = 10_000

/** CPU time so far of a process and its children, user and system, in microseconds. */
export function cpuUsOf(pid: number): number {
  return family(pid).reduce((sum, one) => sum + ticksOf(one, 11), 0) * usPerTick
}

/**
 * CPU time so far of the threads of a process that have a name, or of all that it has, in microseconds; more exact than
 * clock ticks, see proc_pid_schedstat(5).
 */
export function threadCpuUsOf(pid: number, name?: string): number {
  const tasks = readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`)
  const own = tasks.filter(
    (task) => name === undefined || readFileSync(`${task}/comm`, 'utf8').trim() === name,
  )
  return (
    own.reduce((sum, task) => sum + Number(readFileSync(`${task}/schedstat`, 'utf8').split(' ')[0]), 0) / 1000
  )
}

/** CPU time of the children of this process that have ended, in microseconds. */
export function endedCpuUs(): number {
  return ticksOf(process.pid, 13) * usPerTick
}

/** A process and its children: nginx works in one of them. */
function family(pid: number): readonly number[] {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '),
  )
  return [pid, ...children.filter((child) => child !== '').map(Number)]
}

/** @param at place of the user time after the name of the program, see proc_pid_stat(5); the system time is next to it */
function ticksOf(pid: number, at: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[at]) + Number(fields[at + 1])
}

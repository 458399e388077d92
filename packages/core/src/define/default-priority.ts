/** What a task has that asks for no priority; all a transport without priorities takes. */
export const defaultPriority = 4

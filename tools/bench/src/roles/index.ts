import type { RoleFactory, RoleName } from './role.ts'
import { idler } from './idle.ts'
import { publisher, subscriber } from './pubsub.ts'
import { requester, responder } from './rpc.ts'
import { stepper } from './steps.ts'
import { performer, worker } from './tasks.ts'

export const roles: Readonly<Record<RoleName, RoleFactory>> = {
  publisher,
  subscriber,
  requester,
  responder,
  performer,
  worker,
  idler,
  stepper,
}

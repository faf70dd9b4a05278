export type { Diagnostic } from '../contract/diagnostic.ts'
export { createGateway, type GatewayOptions, type RunningGateway } from './create-gateway.ts'
export { StartError } from './start-error.ts'

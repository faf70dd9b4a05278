export { hashPassword } from '../identity/passwords.ts'

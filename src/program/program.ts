import type { Coding } from '../base/content-coding.ts'
import type { JsonSchema } from '../base/json.ts'
import type { SchemePlan, SenderConstraint } from './schemes.ts'

/**
 * The compiled policy: everything that could be decided before the first request, as frozen plain data.
 * It holds no function and no secret, crosses threads by structured clone, and is swapped whole on reload.
 */
export interface Program {
  /** SHA-256, hex, over the canonical JSON of all other members. */
  readonly digest: string
  readonly operations: readonly OperationPlan[]
  /** Schemas that plans refer to by `#/$defs/NAME`; JSON Schema 2020-12, already closed. */
  readonly definitions: { readonly [name: string]: JsonSchema }
  /** Security schemes by the name plans use; every one has a verifier. */
  readonly schemes: { readonly [name: string]: SchemePlan }
  /** Limits by index, rates and caps; names are unique. */
  readonly limits: readonly (LimitPlan | CapPlan)[]
  readonly upstreams: { readonly [name: string]: UpstreamPlan }
  readonly admission: AdmissionPlan
  /** What is served as metadata of protected resources: one for each contract that takes access tokens. */
  readonly resources: readonly ResourcePlan[]
}

/** An API that takes access tokens, as clients discover it (RFC 9728 2). */
export interface ResourcePlan {
  readonly contract: string
  /** Base path; '' for the root. */
  readonly path: string
  /** Schemes of access tokens that its operations demand. */
  readonly schemes: readonly string[]
  readonly scopes: readonly string[]
  /** `externalDocs` of the document; null without. */
  readonly documentation: string | null
}

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'TRACE' | 'QUERY'

/** Where a thing stands in the files a person wrote. Lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** From the first to be turned away when there is more to do than can be done, to the last. */
export const priorities = ['low', 'normal', 'high', 'critical'] as const
export type Priority = (typeof priorities)[number]

export interface OperationPlan {
  /** `operationId`, else `METHOD /template`. Unique; the label of logs and metrics. */
  readonly id: string
  readonly contract: string
  readonly method: Method
  /** Base path and template, e.g. `/v1/orders/{orderId}`; OpenTelemetry's `http.route`. */
  readonly route: string
  readonly segments: readonly SegmentPlan[]
  /** Leading segments that are matched and not forwarded (`stripBasePath`). */
  readonly stripSegments: number
  readonly upstream: string
  readonly security: SecurityPlan
  /** Of each list one way is needed in which a token is bound to its sender (RFC 9449, RFC 8705). */
  readonly senderConstraints: readonly (readonly SenderConstraint[])[]
  /** All must be met (RFC 9470). */
  readonly stepUp: readonly StepUpPlan[]
  /** Indexes into `Program.limits` of every limit that applies, address limits that are global excepted. */
  readonly limits: readonly number[]
  /** Tokens that a request takes of each of them; one of those that are drawn from at the door. */
  readonly cost: number
  readonly parameters: readonly ParameterPlan[]
  readonly body: BodyPlan | null
  /** In which a body that is read whole may come. */
  readonly contentCodings: readonly Coding[]
  /** What becomes of a request with a cookie that the API does not declare. None of them is forwarded. */
  readonly undeclaredCookies: 'refuse' | 'drop'
  /** CEL expressions, all of which must hold (object-level authorization). */
  readonly rules: readonly RulePlan[]
  readonly validateRequests: 'enforce' | 'report'
  /** Answers in the order of the contract; empty where they are not validated. */
  readonly responses: readonly ResponsePlan[]
  readonly validateResponses: ResponseValidation
  /** Most octets of an answer that are held to be judged, as they came and after the content coding is undone. */
  readonly maxResponseBytes: number
  /** Milliseconds for the upstream to answer with a response head. */
  readonly timeoutMs: number
  /** Who goes first when there is more to do than can be done. */
  readonly priority: Priority
  /** Bounds a body as it comes, and again after its content coding is undone. */
  readonly maxBodyBytes: number
  readonly addresses: AddressLists
  readonly cors: CorsPlan | null
  readonly trail: TrailPlan
  readonly source: SourcePosition
}

/** What of an operation stands on the audit trail. */
export interface TrailPlan {
  /** `all`: what passes, before it is forwarded and after it was answered, and what is denied. */
  readonly records: 'all' | 'denials' | 'nothing'
  /** What becomes of a request that cannot be recorded. */
  readonly onFault: 'deny' | 'continue'
  /** Path parameters whose values are recorded as keyed hashes. */
  readonly hash: readonly string[]
}

/** One path segment: literal text, or parts around parameters such as `{owner}.json`. Literals are canonical. */
export type SegmentPlan =
  | { readonly kind: 'literal'; readonly text: string }
  | {
      readonly kind: 'parameter'
      /** Almost always one; `{base}...{head}` holds two. */
      readonly names: readonly string[]
      /** Literal text around and between the parameters: one more than there are names. */
      readonly texts: readonly string[]
      /** May take several segments, slashes included (the contract says `x-multi-segment: true`). */
      readonly spans: boolean
      /** Octets otherwise refused as ambiguous, e.g. `%2F`, that this parameter may hold; `;` for style matrix. */
      readonly allow: readonly string[]
    }

export interface SecurityPlan {
  /** Alternatives of OpenAPI `security`; one must hold. Empty: the operation is public. */
  readonly alternatives: readonly RequirementPlan[]
  readonly decidedBy: 'operation' | 'document' | 'configuration'
  readonly source: SourcePosition
}

/** Schemes of one alternative; all must hold. Empty: anonymous callers pass (authentication is optional). */
export type RequirementPlan = readonly { readonly scheme: string; readonly scopes: readonly string[] }[]

/** How well and how lately the user must have authenticated. */
export interface StepUpPlan {
  /** One of these must stand in `acr`; empty: any. */
  readonly acr: readonly string[]
  /** Longest time since `auth_time`; null: any. */
  readonly maxAgeSeconds: number | null
}

export interface LimitPlan {
  readonly name: string
  /** What a bucket is counted by: all of it together, the address in place of what a caller lacks. */
  readonly by: readonly LimitKey[]
  /** Tokens that one `windowSeconds` refills, evenly. */
  readonly rate: number
  readonly windowSeconds: number
  /** Bucket capacity. */
  readonly burst: number
  /** Leading bits of an IPv6 address that are one client. */
  readonly ipv6PrefixBits: number
  /** How gateways that share a state count it together; absent where each counts for itself all the same. */
  readonly sharing?: SharingPlan
  /** What it counts has happened when it is charged: an empty bucket owes it all the same. What asks, at no cost, is denied. */
  readonly overdraws?: true
}

/** So many requests of one key may be in flight at once, in each process by itself. */
export interface CapPlan {
  readonly name: string
  readonly by: readonly LimitKey[]
  readonly concurrent: number
  readonly ipv6PrefixBits: number
}

/** A limit that all gateways draw from together, in a store they share. */
export interface SharingPlan {
  /** `exact`: every take asks the store; `leased`: tokens are borrowed, several at a time. */
  readonly mode: 'exact' | 'leased'
  /** Tokens that a worker holds of one bucket at most; 0 where every take asks. */
  readonly lease: number
  /** While the store does not answer: count here, with the share of one gateway; let nobody through; let everybody through. */
  readonly onStoreFault: StoreFaultMode
}

export type StoreFaultMode = 'local' | 'deny' | 'allow'

/** A property of the request, or CEL over what is known of its caller. */
export type LimitKey = { readonly property: LimitProperty } | { readonly expression: string }

export type LimitProperty = 'subject' | 'key' | 'client' | 'address' | 'operation'

export interface ParameterPlan {
  readonly in: 'path' | 'query' | 'header' | 'cookie'
  /** As the contract spells it; header names compare without case. */
  readonly name: string
  readonly required: boolean
  readonly style: 'simple' | 'form' | 'spaceDelimited' | 'pipeDelimited' | 'deepObject' | 'label' | 'matrix'
  readonly explode: boolean
  readonly allowEmptyValue: boolean
  /** How wire text becomes a typed value: OpenAPI says the schema's `type` decides. */
  readonly type: ParameterType
  /** Set when the parameter is described by `content: application/json` instead of a schema. */
  readonly json: boolean
  readonly schema: JsonSchema
}

export type PrimitiveType = 'string' | 'integer' | 'number' | 'boolean'

/** `primitives` holds the acceptable readings, tried in the order integer, number, boolean, string. */
export type ParameterType =
  | { readonly kind: 'primitive'; readonly primitives: readonly PrimitiveType[]; readonly single?: never }
  | {
      readonly kind: 'array'
      readonly items: readonly PrimitiveType[]
      /** Readings of a value that stands once and alone, where the schema allows that beside a list; else null. */
      readonly single: readonly PrimitiveType[] | null
    }
  | {
      readonly kind: 'object'
      readonly properties: { readonly [name: string]: readonly PrimitiveType[] }
      readonly additional: readonly PrimitiveType[] | null
      /** Readings of a value in its place (`a=1` beside `a[b]=1`), where the schema allows that; else null. */
      readonly single: readonly PrimitiveType[] | null
    }

export interface BodyPlan {
  readonly required: boolean
  /** Media types, the most specific first: those with more parameters, then the others, then ranges such as `text/*`. */
  readonly content: readonly MediaTypePlan[]
}

export type MediaTypePlan = {
  /** Without parameters, lower case. */
  readonly mediaType: string
  /** Parameters that a body's `Content-Type` must have, but for a charset of UTF-8, which goes without saying. */
  readonly parameters: readonly (readonly [name: string, value: string])[]
  readonly schema: JsonSchema
} & ContentPlan

/** How content becomes a value. What is read whole is validated, and only then forwarded. */
export type ContentPlan =
  | { readonly reading: 'json' }
  /** One text in UTF-8, or what it spells. */
  | { readonly reading: 'text'; readonly primitives: readonly PrimitiveType[] }
  | ({ readonly reading: 'form' } & FormPlan)
  /** Streamed and judged as it comes when a part is a file, else read whole. */
  | ({ readonly reading: 'multipart' } & MultipartPlan)
  /** Streamed under the byte limit, content unseen. */
  | { readonly reading: 'opaque' }
  /** Of answers only: its schema says something about it, in a form that is not read. */
  | { readonly reading: 'unread' }

/** Fields of `application/x-www-form-urlencoded`. Names that are not listed are the schema's to judge. */
export interface FormPlan {
  readonly fields: readonly FieldPlan[]
  /** Readings of the fields that are not listed. */
  readonly others: readonly PrimitiveType[]
}

/** Parts of `multipart/form-data`; no other part passes. */
export interface MultipartPlan {
  readonly parts: readonly PartPlan[]
}

export interface PartPlan {
  readonly name: string
  readonly kind: 'text' | 'json' | 'file'
  /** May stand several times, each time being one item. */
  readonly list: boolean
  /** For `text`. */
  readonly primitives: readonly PrimitiveType[]
  /** Acceptable media types and ranges, lower case, without parameters; empty for a file of any. */
  readonly contentTypes: readonly string[]
  /** Size of a file; null: as large as the body may be. */
  readonly minBytes: number
  readonly maxBytes: number | null
}

/** What of a parameter tells how its text is read; fields of a form are read alike. */
export type ParameterReading = Pick<
  ParameterPlan,
  'name' | 'style' | 'explode' | 'allowEmptyValue' | 'type' | 'json'
>

export interface FieldPlan extends ParameterReading {
  /** Each time it stands it is one item of a list, in JSON. */
  readonly jsonItems: boolean
}

/** `strip`: like `enforce`, but fields that the contract does not declare are cut out instead of being a fault. */
export type ResponseValidation = 'enforce' | 'strip' | 'report' | 'off'

/** One answer an operation may give. */
export interface ResponsePlan {
  /** `200`, a range such as `2XX`, or `default`. */
  readonly status: string
  readonly headers: readonly ResponseHeaderPlan[]
  /** Like that of a request; empty: the answer has no content. */
  readonly content: readonly MediaTypePlan[]
}

/** A header field of an answer; always of style `simple`. */
export interface ResponseHeaderPlan {
  /** Lower case. */
  readonly name: string
  readonly required: boolean
  readonly explode: boolean
  /** Null: only its presence is checked. */
  readonly value: {
    readonly type: ParameterType
    /** Described by `content: application/json`. */
    readonly json: boolean
    readonly schema: JsonSchema
  } | null
}

export interface RulePlan {
  readonly expression: string
  readonly source: SourcePosition
}

export interface UpstreamPlan {
  /** Origin, e.g. `http://127.0.0.1:3000`; `basePath` is put before the forwarded path, '' for none. */
  readonly origin: string
  readonly basePath: string
  /** `Host` the upstream sees; from the configuration, never from the client. */
  readonly host: string
  readonly forwardCredential: boolean
  /** Header name → CEL over the principal and `token`; removed from clients' requests in any spelling. */
  readonly identityHeaders: { readonly [name: string]: string }
}

export interface AddressLists {
  /** CIDRs. An empty `allow` allows all; `deny` wins. */
  readonly allow: readonly string[]
  readonly deny: readonly string[]
}

export interface CorsPlan {
  readonly origins: readonly string[]
  readonly credentials: boolean
}

/** What is decided about a request before it is routed. */
export interface AdmissionPlan {
  /** Most fields in the head of a request. */
  readonly maxFields: number
  /** CIDRs of proxies whose `X-Forwarded-For`, `X-Request-Id` and `traceparent` are believed. */
  readonly trustedProxies: readonly string[]
  readonly addresses: AddressLists
  /** Acceptable `Host` values, lower case, with or without port; empty accepts any. */
  readonly hosts: readonly string[]
  /** Origin that clients use, as configured; it is also an acceptable `Host`. */
  readonly publicUrl: string | null
  /** Own origin for what must name it (`htu`, metadata): `publicUrl`, else that of loopback; null when unknown. */
  readonly origin: string | null
  /** Indexes into `Program.limits` of the limits every request draws from before any cryptography. */
  readonly limits: readonly number[]
  /** By address; drawn from only when a credential is refused. */
  readonly failedAuthentications: LimitPlan
}

/**
 * HTTP/1.1 for Effect: one module for each concept.
 *
 * @since 0.1.0
 */

export * as AddressPolicy from "./AddressPolicy.ts"

export * as Auth from "./Auth.ts"

export * as Cassette from "./Cassette.ts"

export * as Challenge from "./Challenge.ts"

export * as ConnectionEvent from "./ConnectionEvent.ts"

export * as ConnectionMetrics from "./ConnectionMetrics.ts"

export * as ConnectionPool from "./ConnectionPool.ts"

export * as ContentDisposition from "./ContentDisposition.ts"

export * as Download from "./Download.ts"

export * as FileBody from "./FileBody.ts"

export * as HttpBody from "./HttpBody.ts"

export * as HttpConnection from "./HttpConnection.ts"

export * as HttpDate from "./HttpDate.ts"

export * as HttpError from "./HttpError.ts"

export * as HttpFields from "./HttpFields.ts"

export * as HttpLeniency from "./HttpLeniency.ts"

export * as HttpLimits from "./HttpLimits.ts"

export * as HttpRequest from "./HttpRequest.ts"

export * as HttpResponse from "./HttpResponse.ts"

export * as HttpRetry from "./HttpRetry.ts"

export * as HttpStatus from "./HttpStatus.ts"

export * as HttpTimeouts from "./HttpTimeouts.ts"

export * as Interim from "./Interim.ts"

export * as Link from "./Link.ts"

export * as Lines from "./Lines.ts"

export * as NodeTransport from "./NodeTransport.ts"

export * as Origin from "./Origin.ts"

export * as PlatformRequest from "./PlatformRequest.ts"

export * as PooledHttpClient from "./PooledHttpClient.ts"

export * as Proxy from "./Proxy.ts"

export * as ProxyStatus from "./ProxyStatus.ts"

export * as Resolver from "./Resolver.ts"

export * as RetryAfter from "./RetryAfter.ts"

export * as Sse from "./Sse.ts"

export * as StructuredFields from "./StructuredFields.ts"

export * as TestTransport from "./TestTransport.ts"

export * as Tls from "./Tls.ts"

export * as Transport from "./Transport.ts"

export * as Upgrade from "./Upgrade.ts"

/** What the counting entry sees of the bundled Worker; counting-bundle.ts puts the bundle in its place. */
declare module "sluice-gateway" {
  type Handler = (input: unknown, env: object, context: unknown) => unknown;
  type ObjectClass = new (context: unknown, env: object) => object;
  const handlers: { readonly fetch: Handler; readonly queue: Handler; readonly scheduled: Handler };
  export default handlers;
  export const ProductObject: ObjectClass;
  export const LimiterObject: ObjectClass;
}

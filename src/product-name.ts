/** What a product may be called: the slug that is its id, and the name of its object. */
const PRODUCT_NAME = /^[a-z0-9-]{1,64}$/;

/** A name that cannot be a product's is not found without asking anybody. */
export function isProductName(text: string): boolean {
  return PRODUCT_NAME.test(text);
}

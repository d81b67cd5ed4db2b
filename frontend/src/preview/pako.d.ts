declare module "pako" {
  export function inflate(data: Uint8Array): Uint8Array;
}

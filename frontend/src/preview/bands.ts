/** Turns bands of measured values into the colours of a small picture. Pure. */
export type Band = ArrayLike<number>;

const SAMPLES = 20_000;
const CUT = 0.02;

/** The values between which a band is stretched: nearly the least and nearly the greatest, so that a few odd ones do not make it dark. */
export function span(band: Band, empty: number | null): [number, number] {
  const step = Math.max(1, Math.floor(band.length / SAMPLES));
  const seen: number[] = [];
  for (let at = 0; at < band.length; at += step) {
    const value = band[at] as number;
    if (Number.isFinite(value) && value !== empty) seen.push(value);
  }
  if (!seen.length) return [0, 1];
  seen.sort((one, other) => one - other);
  const low = seen[Math.floor(seen.length * CUT)] as number;
  const high = seen[Math.min(seen.length - 1, Math.ceil(seen.length * (1 - CUT)))] as number;
  return high > low ? [low, high] : [low, low + 1];
}

/** Paint one band as grey or three as red, green and blue; what has no value is clear. */
export function paint(bands: Band[], pixels: number, empty: number | null, spans = bands.map((band) => span(band, empty))): Uint8ClampedArray {
  const out = new Uint8ClampedArray(pixels * 4);
  for (let at = 0; at < pixels; at++) {
    let there = true;
    for (let channel = 0; channel < 3; channel++) {
      const number = bands.length >= 3 ? channel : 0;
      const value = bands[number]?.[at] ?? NaN;
      const [low, high] = spans[number] as [number, number];
      if (!Number.isFinite(value) || value === empty) there = false;
      out[at * 4 + channel] = (255 * (value - low)) / (high - low);
    }
    out[at * 4 + 3] = there ? 255 : 0;
  }
  return out;
}

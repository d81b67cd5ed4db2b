/** A small picture of a TIFF, with its place on the map where it has one: `<div data-island="geotiff" data-src="…">`. Overviews are read where there are some. */
import "./portal";
import { fromUrl, type GeoTIFF, type GeoTIFFImage } from "geotiff";
import { make } from "./dom";
import { paint, type Band } from "./preview/bands";
import { word } from "./words";

const EDGE = 800;
const MOST_PIXELS = 30_000_000;
const MOST_IMAGES = 16;

/** Draw it; what cannot be read is told in a sentence. */
export function start(element: HTMLElement): () => void {
  const stop = new AbortController();
  show(element, stop.signal).catch(() => void (stop.signal.aborted || tell(element, word("preview_failed"))));
  return () => stop.abort();
}

async function show(element: HTMLElement, signal: AbortSignal): Promise<void> {
  element.setAttribute("aria-busy", "true");
  const tiff = await fromUrl(element.dataset["src"] ?? "", { allowFullFile: false }, signal);
  const whole = await tiff.getImage(0);
  const image = await smallest(tiff, whole);
  const facts = factsOf(whole);
  if (!image) return tell(element, word("preview_too_large", { width: whole.getWidth(), height: whole.getHeight() }), facts);
  const canvas = await draw(image, signal);
  element.removeAttribute("aria-busy");
  element.replaceChildren(make("p", { class: "text-center" }, canvas), facts);
}

/** The smallest of its pictures that is still large enough to look at, and small enough to read. */
async function smallest(tiff: GeoTIFF, whole: GeoTIFFImage): Promise<GeoTIFFImage | undefined> {
  const shape = whole.getWidth() / whole.getHeight();
  const found = [whole];
  for (let at = 1; at < Math.min(MOST_IMAGES, await tiff.getImageCount()); at++) {
    const image = await tiff.getImage(at);
    if (Math.abs(image.getWidth() / image.getHeight() / shape - 1) < 0.05 && image.getSamplesPerPixel() === whole.getSamplesPerPixel()) found.push(image);
  }
  const edge = (image: GeoTIFFImage): number => Math.max(image.getWidth(), image.getHeight());
  const fitting = found.filter((image) => image.getWidth() * image.getHeight() <= MOST_PIXELS).sort((one, other) => edge(one) - edge(other));
  return fitting.find((image) => edge(image) >= EDGE) ?? fitting.at(-1);
}

async function draw(image: GeoTIFFImage, signal: AbortSignal): Promise<HTMLCanvasElement> {
  const scale = Math.min(1, EDGE / Math.max(image.getWidth(), image.getHeight()));
  const width = Math.max(1, Math.round(image.getWidth() * scale));
  const height = Math.max(1, Math.round(image.getHeight() * scale));
  const kind = image.fileDirectory.getValue("PhotometricInterpretation") as number | undefined;
  const ready = kind !== undefined && [3, 5, 6].includes(kind); // palette, CMYK, YCbCr: the library knows their colours
  const bands = await pixels(image, width, height, ready, signal);
  const plain = ready || image.getBitsPerSample() === 8;
  const canvas = make("canvas", { class: "picture", width, height, role: "img", "aria-label": word("preview_picture") });
  const spans = plain && bands.length >= 3 ? bands.map((): [number, number] => [0, 255]) : undefined;
  const colours = paint(bands, width * height, ready ? null : image.getGDALNoData(), spans);
  canvas.getContext("2d")?.putImageData(new ImageData(colours as Uint8ClampedArray<ArrayBuffer>, width, height), 0, 0);
  return canvas;
}

async function pixels(image: GeoTIFFImage, width: number, height: number, ready: boolean, signal: AbortSignal): Promise<Band[]> {
  if (ready) {
    const mixed = (await image.readRGB({ width, height, interleave: false, signal })) as unknown as Band[];
    return [...mixed].slice(0, 3);
  }
  const samples = image.getSamplesPerPixel() >= 3 ? [0, 1, 2] : [0];
  return [...((await image.readRasters({ width, height, samples, interleave: false, signal })) as unknown as Band[])];
}

/** What the file tells of itself: size, bands, place. */
function factsOf(image: GeoTIFFImage): HTMLElement {
  const bits = image.getBitsPerSample();
  const facts: [string, string][] = [
    [word("preview_size"), `${image.getWidth()} × ${image.getHeight()}`],
    [word("preview_bands"), `${image.getSamplesPerPixel()} × ${bits} bit`],
  ];
  const place = placeOf(image);
  if (place) facts.push([word("preview_place"), place.code], [word("preview_corners"), place.corners]);
  return make("dl", { class: "kv" }, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, make("bdi", {}, value))]));
}

function placeOf(image: GeoTIFFImage): { code: string; corners: string } | undefined {
  try {
    const keys = image.getGeoKeys() as Record<string, unknown> | null;
    const code = keys?.["ProjectedCSTypeGeoKey"] ?? keys?.["GeographicTypeGeoKey"];
    const corners = image.getBoundingBox().map((value) => Number(value.toPrecision(9))).join(", ");
    return { code: code === undefined ? "—" : `EPSG:${String(code)}`, corners };
  } catch {
    return undefined; // a picture without a place
  }
}

function tell(element: HTMLElement, sentence: string, more?: HTMLElement): void {
  element.removeAttribute("aria-busy");
  element.replaceChildren(make("p", { role: "status" }, sentence), ...(more ? [more] : []));
}

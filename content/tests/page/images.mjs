// Pictures of a page with at most 256 colours: a third of the bytes, and the same to the eye.
import { crc32, deflateSync } from "node:zlib";

/** The pixels of a PNG, four bytes each, decoded by the browser. @param {Page} page @param {Buffer} png */
async function pixelsOf(page, png) {
  const { width, height, data } = await page.evaluate(async (encoded) => {
    const image = await createImageBitmap(await (await fetch(`data:image/png;base64,${encoded}`)).blob());
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    if (!context) throw new Error("the browser has no canvas");
    context.drawImage(image, 0, 0);
    const bytes = context.getImageData(0, 0, image.width, image.height).data;
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return { width: image.width, height: image.height, data: btoa(text) };
  }, png.toString("base64"));
  return { width, height, data: Buffer.from(data, "base64") };
}

/** How far two colours are from each other. @param {number[]} one @param {number[]} other */
const distance = ([r = 0, g = 0, b = 0], [red = 0, green = 0, blue = 0]) => (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;

/** At most 256 colours: the commonest, and those of small things that none of these is near to, such as a green tick. For each colour, the number of the one that is nearest. @param {Buffer} data */
function palette(data) {
  const counts = new Map();
  for (let at = 0; at < data.length; at += 4) {
    const color = data.readUIntBE(at, 3);
    counts.set(color, (counts.get(color) ?? 0) + 1);
  }
  const parts = (/** @type {number} */ color) => [color >> 16, (color >> 8) & 255, color & 255];
  const all = [...counts].sort((a, b) => b[1] - a[1]).map(([color, count]) => ({ color, count, at: parts(color), far: Infinity, nearest: 0 }));
  const colors = /** @type {number[]} */ ([]);
  for (let next = all[0]; next && colors.length < 256;) {
    const number = colors.push(next.color) - 1;
    for (const one of all) {
      const far = distance(one.at, next.at);
      if (far < one.far) Object.assign(one, { far, nearest: number });
    }
    const rest = all.filter(({ far }) => far > 0);
    next = colors.length < 128 ? rest[0] : rest.reduce((best, one) => (one.count * one.far > best.count * best.far ? one : best), rest[0]);
  }
  const nearest = new Map(all.map(({ color, nearest }) => [color, nearest]));
  return { colors, nearest };
}

/** @param {string} kind @param {Buffer} body */
function chunk(kind, body) {
  const named = Buffer.concat([Buffer.from(kind, "latin1"), body]);
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  size.writeUInt32BE(body.length);
  sum.writeUInt32BE(crc32(named));
  return Buffer.concat([size, named, sum]);
}

/** A PNG with a palette. @param {Page} page @param {Buffer} png */
export async function smaller(page, png) {
  const { width, height, data } = await pixelsOf(page, png);
  const { colors, nearest } = palette(data);
  // Each line begins with its filter: none.
  const lines = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) lines[y * (width + 1) + x + 1] = nearest.get(data.readUIntBE((y * width + x) * 4, 3)) ?? 0;
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const listed = Buffer.from(colors.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]));
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
  return Buffer.concat([signature, chunk("IHDR", head), chunk("PLTE", listed), chunk("IDAT", deflateSync(lines, { level: 9 })), chunk("IEND", Buffer.alloc(0))]);
}

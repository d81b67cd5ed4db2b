/** Maps a scroll bar to a text that may be taller than a browser can lay out. Pure.
 *
 * Up to `MOST_PX` a pixel of the bar is a pixel of the text. Above, dragging the bar goes to a share of the text, while small steps, as wheels and
 * keys make them, still move by pixels; the bar is put where it belongs when it rests.
 */
export const MOST_PX = 6_000_000;

export class ScrollMap {
  #bar = 0;
  /** Where the top of the window is in the text, in pixels. */
  top = 0;
  text = 0;
  window = 0;

  /** The height to lay out. */
  get height(): number {
    return Math.min(this.text, MOST_PX);
  }

  /** The lowest `top`. */
  get last(): number {
    return Math.max(0, this.text - this.window);
  }

  get atEnd(): boolean {
    return this.top >= this.last - 1;
  }

  /** The bar stands at a new place; move the text. */
  scrolled(bar: number): void {
    const step = bar - this.#bar;
    const lowest = this.height - this.window;
    this.#bar = bar;
    if (this.text <= MOST_PX) this.top = bar;
    else if (bar <= 0) this.top = 0;
    else if (bar >= lowest - 1) this.top = this.last;
    else if (Math.abs(step) < this.window * 2) this.top += step;
    else this.top = (bar / lowest) * this.last;
    this.top = Math.max(0, Math.min(this.top, this.last));
  }

  /** Go to a place in the text; returns where the bar belongs. */
  go(top: number): number {
    this.top = Math.max(0, Math.min(top, this.last));
    return this.settle();
  }

  /** Return where the bar belongs, and take it that it stands there. */
  settle(): number {
    const lowest = this.height - this.window;
    this.#bar = this.text <= MOST_PX ? this.top : this.last > 0 ? Math.round((this.top / this.last) * lowest) : 0;
    return this.#bar;
  }
}

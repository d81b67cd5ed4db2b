/** Runs on every page. Everything here makes a page nicer that works without it.
 *
 * Islands import this module: what they share with it then stays in the one file that every page loads, instead of in many small ones.
 */
import { startConfirm } from "./confirm";
import { startCopy } from "./copy";
import "./figures";
import { startForms } from "./forms";
import { startIslands } from "./islands";
import { startMenus } from "./menu";
import { startPaletteKey } from "./palettekey";
import { startRequests } from "./requests";
import { startStream } from "./stream";
import { startThemeSwitch } from "./themeswitch";
import { startTimes } from "./times";
import { startToasts } from "./toasts";

startIslands(); // first, as they are what a page is opened for
startRequests();
startConfirm();
startToasts();
startTimes();
startThemeSwitch();
startMenus();
startCopy();
startForms();
startPaletteKey();
startStream();

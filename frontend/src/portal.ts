/** Runs on every page. Everything here makes a page nicer that works without it. */
import { startConfirm } from "./confirm";
import { startCopy } from "./copy";
import { startForms } from "./forms";
import { startIslands } from "./islands";
import { startMenus } from "./menu";
import { startPaletteKey } from "./palettekey";
import { startRequests } from "./requests";
import { startStream } from "./stream";
import { startThemeSwitch } from "./themeswitch";
import { startTimes } from "./times";
import { startToasts } from "./toasts";

startRequests();
startConfirm();
startToasts();
startTimes();
startThemeSwitch();
startMenus();
startCopy();
startForms();
startPaletteKey();
startIslands();
startStream();

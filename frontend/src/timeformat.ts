/** How times read: relative, date, time of day. Pure: the reader's zone, language and now are given. */
export type TimeStyle = "relative" | "datetime" | "date" | "time" | "seconds";

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];
const OLD_S = 7 * 86_400;

const FORMS: Record<Exclude<TimeStyle, "relative">, Intl.DateTimeFormatOptions> = {
  datetime: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
  seconds: { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" },
  date: { year: "numeric", month: "2-digit", day: "2-digit" },
  time: { hour: "2-digit", minute: "2-digit", hourCycle: "h23" },
};

export interface Reader {
  lang: string;
  zone: string | undefined;
}

/** Say a moment; what is older than a week is said as a date even where the style is relative. */
export function sayTime(moment: Date, style: TimeStyle, reader: Reader, now: Date): string {
  if (style !== "relative") return sayForm(moment, FORMS[style], reader);
  const seconds = (moment.getTime() - now.getTime()) / 1000;
  if (Math.abs(seconds) > OLD_S) return sayForm(moment, FORMS.date, reader);
  const [unit, size] = STEPS.find(([, least]) => Math.abs(seconds) >= least) ?? (["second", 1] as const);
  return relative(reader.lang).format(Math.trunc(seconds / size), unit);
}

/** Say a moment with seconds and the name of the zone, for the hover. */
export function sayExactly(moment: Date, reader: Reader): string {
  return sayForm(moment, { ...FORMS.seconds, timeZoneName: "short" }, reader);
}

const kept = new Map<string, Intl.DateTimeFormat | Intl.RelativeTimeFormat>();

function sayForm(moment: Date, form: Intl.DateTimeFormatOptions, { lang, zone }: Reader): string {
  // The Swedish form is the ISO one, which Chinese and English readers alike read without a doubt about day and month.
  const key = `${lang}|${zone}|${JSON.stringify(form)}`;
  let format = kept.get(key) as Intl.DateTimeFormat | undefined;
  if (!format) kept.set(key, (format = new Intl.DateTimeFormat("sv-SE", zone ? { ...form, timeZone: zone } : form)));
  return format.format(moment);
}

function relative(lang: string): Intl.RelativeTimeFormat {
  let format = kept.get(lang) as Intl.RelativeTimeFormat | undefined;
  if (!format) kept.set(lang, (format = new Intl.RelativeTimeFormat(lang, { numeric: "auto" })));
  return format;
}

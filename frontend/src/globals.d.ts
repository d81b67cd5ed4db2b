/** Names of built files, put in by the build. */
declare const ICONS_NAME: string;
declare const DIGESTER_NAME: string;

/** The folder of the front end, put in by the runner. */
declare const HERE: string;

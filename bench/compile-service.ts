import 'reflect-metadata';
import { loadOptions } from '../src/config/load-options.js';
import { createApp } from '../src/create-app.js';
import { giveQuestions } from './compile-questions.js';
import { giveVectors } from './compile-triptych.js';

/** The service as `src/main.ts` starts it, but that vectors are given, so that no model is measured. */
const options = loadOptions();
const app = await createApp(options);
giveVectors(app, giveQuestions(process.env));
await app.listen(options.http.port, options.http.host);
console.error(`The service listens on ${await app.getUrl()};`);

// The ES face: the same names, and all of them as the default.
import * as plimsoll from './index.js';

export * from './index.js';
export default plimsoll;

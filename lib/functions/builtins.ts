/**
 * Loads every family of built-in functions: importing this file fills the registry.
 */
import './scalar/bool.js';
import './scalar/int.js';
import './scalar/int8.js';
import './scalar/in-range.js';
import './scalar/float.js';
import './scalar/oid.js';
import './text/io.js';
import './text/compare.js';
import './text/bytea-io.js';
import './numeric/register.js';
import './scalar/uuid.js';
import './array/io.js';
import './record/io.js';
import './record/compare.js';
import './system/reg.js';
import './system/pseudo.js';
import './hash/register.js';
import './regex/functions.js';
import './text/like.js';
import './text/strings.js';
import './text/split.js';
import './text/quote.js';
import './text/bytea.js';
import './text/unicode.js';
import './array/basic.js';
import './scalar/series.js';
import './aggregate/integers.js';
import './aggregate/numerics.js';
import './aggregate/floats.js';
import './aggregate/collect.js';
import './aggregate/ordered-set.js';
import './window.js';

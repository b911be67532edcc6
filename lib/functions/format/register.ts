/**
 * Registration of to_char and to_number for numbers.
 */
import type { Int8 } from '../../types/datum.js';
import type { Numeric } from '../../types/numeric.js';
import { pure } from '../registry.js';
import { toNumber } from './number-input.js';
import { floatToChar, int4ToChar, int8ToChar, numericToChar } from './number-output.js';

pure('int4_to_char', (value: number, format: string) => int4ToChar(value, format));
pure('int8_to_char', (value: Int8, format: string) => int8ToChar(value, format));
pure('numeric_to_char', (value: Numeric, format: string) => numericToChar(value, format));
pure('float8_to_char', (value: number, format: string) => floatToChar(value, format, 15));
pure('float4_to_char', (value: number, format: string) => floatToChar(value, format, 6));
pure('numeric_to_number', (text: string, format: string) => toNumber(text, format));

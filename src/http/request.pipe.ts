import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { validate, type ValidationError } from 'class-validator';
import 'reflect-metadata';
import { InvalidInputError, type Violation } from '../errors.js';

type RequestClass = new () => object;

const NOT_A_FIELD = 'is not a field of this request';
const NUMBER = /^-?\d+(\.\d+)?$/;

/**
 * Checks bodies and queries against their request class with `class-validator`; an unknown field is
 * refused. Only the first level becomes an instance: Nest's own pipe copies values through
 * `class-transformer`, which silently drops keys such as `constructor` from what a user stored. Values
 * that users own (messages, metadata) are checked by their tier, and pass through untouched.
 */
@Injectable()
export class RequestPipe implements PipeTransform<unknown, Promise<unknown>> {
  async transform(value: unknown, { metatype, type }: ArgumentMetadata): Promise<unknown> {
    if ((type !== 'body' && type !== 'query') || !metatype || metatype === Object) return value;
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new InvalidInputError([{ field: type, message: 'must be a JSON object' }]);
    // `constructor` as a field of its own would take the class from the instance, and its rules with it.
    const inherited = Object.keys(value).find((key) => key in Object.prototype);
    if (inherited !== undefined) throw new InvalidInputError([{ field: inherited, message: NOT_A_FIELD }]);
    const request = new (metatype as RequestClass)();
    for (const [key, given] of Object.entries(value))
      Reflect.set(request, key, type === 'query' ? fromQuery(metatype as RequestClass, key, given) : given);
    const errors = await validate(request, {
      whitelist: true,
      forbidNonWhitelisted: true,
      forbidUnknownValues: true,
    });
    if (errors.length > 0) throw new InvalidInputError(errors.flatMap(violationsOf));
    return request;
  }
}

/** A query is all text; a property that is declared as a number takes text that is one. */
function fromQuery(request: RequestClass, key: string, given: unknown): unknown {
  if (Reflect.getMetadata('design:type', request.prototype as object, key) !== Number) return given;
  return typeof given === 'string' && NUMBER.test(given) ? Number(given) : given;
}

function violationsOf({ property, constraints = {} }: ValidationError): Violation[] {
  return Object.entries(constraints).map(([rule, message]) => ({
    field: property,
    message: rule === 'whitelistValidation' ? NOT_A_FIELD : message.replace(`${property} `, ''),
  }));
}

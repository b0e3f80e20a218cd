import { ApiProperty } from '@nestjs/swagger';

/** Each part by its name, with its state and what it tells of itself. */
const PARTS = {
  type: 'object',
  additionalProperties: {
    type: 'object',
    required: ['status'],
    properties: { status: { type: 'string', enum: ['up', 'down'] } },
    additionalProperties: { type: ['string', 'number', 'boolean'] },
  },
} as const;

export class LiveView {
  @ApiProperty({ enum: ['ok'] })
  status: 'ok';
}

/** The report of `@nestjs/terminus`. */
export class ReadyView {
  @ApiProperty({ enum: ['ok', 'error', 'shutting_down'] })
  status: string;

  @ApiProperty({ ...PARTS, selfRequired: true, description: 'The parts that are up.' } as never)
  info: object;

  @ApiProperty({ ...PARTS, selfRequired: true, description: 'The parts that are down.' } as never)
  error: object;

  @ApiProperty({ ...PARTS, selfRequired: true, description: 'All parts.' } as never)
  details: object;
}

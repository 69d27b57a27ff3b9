import 'reflect-metadata';
import { Controller, Get, Inject, Injectable, Module, Param, Scope } from '@nestjs/common';
import { NestFactory, REQUEST } from '@nestjs/core';

interface Entry {
  at: number;
  what: string;
}

let leaks = false;

@Injectable({ scope: Scope.REQUEST })
class AuditTrail {
  static readonly open: AuditTrail[] = []; // the leak

  readonly entries: Entry[] = [];

  constructor(@Inject(REQUEST) private readonly request: { headers: Record<string, string> }) {
    if (leaks) AuditTrail.open.push(this);
  }

  note(what: string): void {
    this.entries.push({ at: Date.now(), what: `${what} by ${this.request.headers['x-user']}` });
  }
}

@Controller('orders')
class OrdersController {
  constructor(@Inject(AuditTrail) private readonly audit: AuditTrail) {}

  @Get(':id')
  read(@Param('id') id: string) {
    this.audit.note(`read ${id}`);
    return { id, lines: Array.from({ length: 10 }, (_, line) => ({ line, amount: line * 3 })) };
  }
}

@Module({ controllers: [OrdersController], providers: [AuditTrail] })
class AppModule {}

export async function start(options: { leaks: boolean }): Promise<number> {
  leaks = options.leaks;
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  return app.getHttpServer().address().port;
}

// Types and an enum, so that the compiled lines are others.
interface Named {
  i: number;
}

enum Kind {
  One,
  Two,
}

const names = new Map<number, Named & { kind: Kind }>();

export function remember(i: number): void {
  names.set(i, { i, kind: i % 2 === 0 ? Kind.One : Kind.Two });
}

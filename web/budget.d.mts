export interface Part {
  file: string;
  src?: string;
  css?: string[];
  assets?: string[];
  imports?: string[];
  isEntry?: boolean;
}
export interface Budget {
  first: number;
  editor: number;
  total: number;
}
export const budget: Budget;
export const filesOf: (manifest: Record<string, Part>, key: string, seen?: Set<string>) => Set<string>;
export const measure: (
  manifest: Record<string, Part>,
  html: string,
  sizes: Record<string, number>,
) => Budget & { firstFiles: string[] };
export const judge: (measured: Budget, allowed?: Budget) => { kept: boolean; lines: string[] };

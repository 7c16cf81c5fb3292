import type { FileFormat } from '../../tagcontract'

export const FORMATS: [FileFormat, string][] = [['toml', 'TOML, as in tags/'], ['json', 'JSON'], ['csv', 'CSV, for a spreadsheet'], ['ignition', 'Ignition tag export (JSON)']]

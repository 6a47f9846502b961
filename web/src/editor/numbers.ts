const longest = 63; // characters of a number that cJSON copies before it reads it
const int32 = { least: -2147483648n, most: 2147483647n };

/** What firmware that reads with cJSON makes of a number's text that is not what stands there; "" where nothing. */
export const numberProblem = (text: string): string => {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text);
  if (!match) return "";
  const [, sign, whole = "", fraction = "", power = ""] = match;
  if (text.length > longest)
    return `This number has ${text.length} characters, and cJSON reads ${longest} at most: a device cannot read the document`;
  const value = Number(text);
  if (!Number.isFinite(value)) return "This number is too large for a device: it reads infinity";
  const digits = (whole + fraction).replace(/^0+/, "");
  if (value === 0) {
    if (digits !== "") return "This number is too small for a device: it reads 0";
    return sign ? "A device reads -0 as 0 where it wants a whole number" : "";
  }
  if (!fraction && !power) return integerProblem(text);
  if (digits.replace(/0+$/, "").length > 17) return `A device keeps about 16 digits of a number: it reads ${value}`;
  if (Number.isInteger(value) && Math.abs(value) > 2147483647) return saturates(value > 0);
  return "";
};

const integerProblem = (text: string): string => {
  const short = Number(text);
  if (text.length < 16) return Math.abs(short + 0.5) > 2147483648 ? saturates(short > 0) : "";
  const exact = BigInt(text);
  const read = BigInt(Number(text));
  if (read !== exact)
    return `A device reads ${read} here: it keeps numbers as doubles, and whole ones beyond 9007199254740992 lose digits. Write it as a text`;
  if (exact > int32.most) return saturates(true);
  if (exact < int32.least) return saturates(false);
  return "";
};

const saturates = (positive: boolean): string =>
  `This number does not fit into 32 bits: firmware that reads it as an int (valueint of cJSON) gets ${positive ? int32.most : int32.least}`;

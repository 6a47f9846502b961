import { devices } from "../../../fleet/counted";
import { Button } from "../../../ui/Button";
import { DeviceNames } from "./DeviceNames";
import type { Became, Named } from "./writes";

interface Props {
  became: Became<Named>;
  /** What they are called that were refused, such as "Not deleted". */
  failed: string;
  /** And those that were not tried, or not done. */
  left?: string | undefined;
  /** Asks what became of those whose answer was lost; not offered without. */
  onFindOut?: (() => void) | undefined;
}

/** Which devices it did not go well with, each with the reason; and those that nobody knows of. */
export const Rest = ({ became, failed, left = "Left as they were", onFindOut }: Props) => (
  <>
    <DeviceNames
      title={`Changed by someone else meanwhile, left alone: ${devices(became.meanwhile.length)}`}
      items={became.meanwhile}
      open
    />
    <DeviceNames title={`${failed}: ${devices(became.failed.length)}`} items={became.failed} open />
    <DeviceNames
      title={`Not known, as the answer was lost: ${devices(became.unknown.length)}`}
      items={became.unknown}
      open
    />
    {became.unknown.length > 0 && onFindOut && (
      <div>
        <Button size="s" onClick={onFindOut}>
          Find out
        </Button>
      </div>
    )}
    <DeviceNames
      title={`${left}: ${devices(became.left.length)}`}
      items={became.left}
      open={became.left.length <= 20}
    />
  </>
);

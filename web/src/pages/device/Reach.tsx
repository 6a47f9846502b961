import { useQuery } from "@tanstack/react-query";
import { Copy, SquareTerminal } from "lucide-react";
import { useState } from "react";
import { serverQuery } from "../../api/queries";
import { Button, IconButton } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Dialog } from "../../ui/Dialog";
import { deviceBase, deviceCurl, deviceUrl } from "../actions/device";
import css from "./Reach.module.css";

/** Where the device gets its document from, to copy: the address, and commands that look at it or act as the device. */
export const Reach = ({ mac }: { mac: string }) => {
  const [open, setOpen] = useState(false);
  const { data: server } = useQuery(serverQuery);
  const url = deviceUrl(deviceBase(server), mac);
  return (
    <>
      <Button icon={<SquareTerminal />} onClick={() => setOpen(true)}>
        URL and curl
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        size="l"
        title="Where the device gets its document"
        description={
          server && !server.device_urls.length
            ? "The server listens on this machine alone: devices cannot reach it until HOST lets them."
            : "The firmware needs nothing but this address. The document holds passwords: mind where you print it."
        }
      >
        <Line what="Device URL" text={url} />
        <Line
          what="Look at it"
          about="Leaves no trace: the server does not take it for the device."
          text={deviceCurl(deviceBase(server), mac)}
        />
        <Line
          what="Act as the device"
          about="Counts as a check-in of the device: it will be shown as seen, and as having fetched this document."
          text={`curl -sS '${url}'`}
        />
        {server && server.device_urls.length > 1 && (
          <>
            <h3 className={css.more}>It is also reached at</h3>
            {server.device_urls.slice(1).map((at) => (
              <Line key={at} what="Device URL" text={deviceUrl(at, mac)} />
            ))}
          </>
        )}
      </Dialog>
    </>
  );
};

const Line = ({ what, about, text }: { what: string; about?: string; text: string }) => (
  <div className={css.line}>
    <h3>{what}</h3>
    {about && <p>{about}</p>}
    <div className={css.copied}>
      <code>{text}</code>
      <IconButton label={`Copy: ${what}`} icon={<Copy />} onClick={() => void copy(text, what)} />
    </div>
  </div>
);

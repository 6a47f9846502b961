import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { Copy, Cpu, Download, EllipsisVertical, Link2, SquareTerminal, Trash2 } from "lucide-react";
import { useRef } from "react";
import { request } from "../../api/client";
import { serverQuery } from "../../api/queries";
import { IconButton } from "../../ui/Button";
import { copy } from "../../ui/copy";
import { Menu, MenuItem, MenuLine } from "../../ui/Menu";
import { toastFailure } from "../../ui/Toast";
import { type ActionDevice, called, deviceBase, deviceCurl, deviceUrl } from "./device";
import { download } from "./download";
import { dashedMac } from "./mac";
import { actions } from "./open";

/** Everything that can be done to a device, behind a button. */
export const DeviceMenu = (device: ActionDevice) => {
  const { id, mac } = device;
  const navigate = useNavigate();
  const button = useRef<HTMLButtonElement>(null);
  const { data: server } = useQuery(serverQuery);
  const at = deviceBase(server);
  return (
    <Menu trigger={<IconButton ref={button} label={`Actions for ${called(device)}`} icon={<EllipsisVertical />} />}>
      <MenuItem icon={<Copy />} onSelect={() => void navigate({ to: "/new", search: { from: id } })}>
        Duplicate…
      </MenuItem>
      <MenuItem icon={<Cpu />} onSelect={() => actions.open("replace", device, button.current)}>
        Replace hardware…
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<Link2 />} onSelect={() => void copy(deviceUrl(at, mac), "Device URL")}>
        Copy device URL
      </MenuItem>
      <MenuItem icon={<SquareTerminal />} onSelect={() => void copy(deviceCurl(at, mac), "curl command")}>
        Copy curl
      </MenuItem>
      <MenuItem icon={<Download />} onSelect={() => void exportDocument(device)}>
        Export document
      </MenuItem>
      <MenuLine />
      <MenuItem icon={<Trash2 />} danger onSelect={() => actions.open("delete", device, button.current)}>
        Delete…
      </MenuItem>
    </Menu>
  );
};

/** Keeps the document as a file, byte for byte, by the name that an import reads. */
const exportDocument = async ({ mac }: ActionDevice) => {
  try {
    const response = await request(`api/configs/${dashedMac(mac)}.json`);
    download(await response.blob(), `${dashedMac(mac)}.json`);
  } catch (error) {
    toastFailure("The document could not be exported", error);
  }
};

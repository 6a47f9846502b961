import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { serverQuery } from "../api/queries";
import { deviceBase } from "./actions/device";

/** The first page where there is no configuration yet: what this is, and the ways in. */
export const Welcome = () => {
  const { data: server } = useQuery(serverQuery);
  return (
    <div>
      <h1>Welcome to Espalier</h1>
      <p>Espalier keeps the configuration of each of your ESP32 devices, hands it over, and shows who has which.</p>
      <p>
        Devices fetch from <code>{deviceBase(server)}</code>
      </p>
      <Link to="/import">Import a folder</Link> <Link to="/new">Create one</Link>
    </div>
  );
};

import { queryOptions } from "@tanstack/react-query";
import { client, read } from "../../api/client";

/** Who holds a MAC address, given in its normal form: a configuration that is there, and the newest one that was deleted. */
export const holderQuery = (mac: string) =>
  queryOptions({
    queryKey: ["holder", mac],
    queryFn: async ({ signal }) => {
      const find = async (deleted: boolean) => {
        const page = await read(
          client.GET("/api/configs", {
            params: {
              query: {
                q: mac,
                limit: 10,
                ...(deleted ? { deleted, sort: "deleted_at" as const, order: "desc" as const } : {}),
              },
            },
            signal,
          }),
        );
        return page.configs.find((config) => config.mac_address === mac) ?? null;
      };
      const [there, deleted] = await Promise.all([find(false), find(true)]);
      return { there, deleted };
    },
    enabled: mac !== "",
    staleTime: 5000,
  });

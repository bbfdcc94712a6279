SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA public;
COMMENT ON SCHEMA public IS 'standard public schema';
CREATE FUNCTION public.ledger_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.campaign (
    id integer NOT NULL,
    name character varying(64) NOT NULL,
    head bigint NOT NULL,
    head_hash character varying(64) NOT NULL,
    spec_version integer NOT NULL,
    spec text NOT NULL,
    source character varying(64) NOT NULL,
    experiments bigint NOT NULL,
    batches bigint NOT NULL
);
CREATE SEQUENCE public.campaign_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.campaign_id_seq OWNED BY public.campaign.id;
CREATE TABLE public.experiment (
    campaign_id integer NOT NULL,
    number bigint NOT NULL,
    status character varying(20) NOT NULL,
    batch bigint,
    observations integer NOT NULL,
    record text NOT NULL
);
CREATE TABLE public.labloop_meta (
    key character varying(40) NOT NULL,
    value text NOT NULL
);
CREATE TABLE public.ledger (
    campaign_id integer NOT NULL,
    sequence bigint NOT NULL,
    kind character varying(20) NOT NULL,
    at character varying(40) NOT NULL,
    actor character varying(200) NOT NULL,
    version character varying(40) NOT NULL,
    payload text NOT NULL,
    previous character varying(64) NOT NULL,
    hash character varying(64) NOT NULL
);
CREATE TABLE public.receipt (
    campaign_id integer NOT NULL,
    key character varying(64) NOT NULL,
    sequence bigint NOT NULL
);
CREATE TABLE public.request (
    campaign_id integer NOT NULL,
    key character varying(200) NOT NULL,
    content character varying(64) NOT NULL,
    sequence bigint NOT NULL
);
CREATE TABLE public.result (
    campaign_id integer NOT NULL,
    experiment bigint NOT NULL,
    outcome character varying(100) NOT NULL,
    mean double precision NOT NULL,
    count integer NOT NULL
);
CREATE TABLE public.touch (
    campaign_id integer NOT NULL,
    experiment bigint NOT NULL,
    sequence bigint NOT NULL
);
ALTER TABLE ONLY public.campaign ALTER COLUMN id SET DEFAULT nextval('public.campaign_id_seq'::regclass);
INSERT INTO public.campaign VALUES (1, 'reaction', 20, '18d26689485ce026097df63b46805683b2baf99883f118176e7d26858c3b403c', 2, '{"name":"reaction","question":"Which solvent?","parameters":{"temperature":{"unit":"degC","bounds":[20.0,80.0],"step":5.0},"time":{"unit":"h","scale":"log","bounds":[1.0,100.0]},"solvent":{"choices":["water","EtOH","DMSO"]},"humidity":{"unit":"%","observed":true},"operator":{"value":"robot"}},"objectives":{"yield":{"unit":"%","range":[0.0,100.0],"goal":"maximize"}},"limits":["purity >= 95"],"planner":{"batch":3},"schema":"labloop/1"}', '', 14, 3);
INSERT INTO public.campaign VALUES (2, 'empty', 1, '1037fb55a998d586b8be7651efb40fd1287beb74739f270bfb2a97e27ce757b9', 1, '{"name":"empty","parameters":{"temperature":{"unit":"degC","bounds":[20.0,80.0],"step":5.0},"time":{"unit":"h","scale":"log","bounds":[1.0,100.0]},"solvent":{"choices":["water","EtOH","DMSO"]},"humidity":{"unit":"%","observed":true},"operator":{"value":"robot"}},"objectives":{"yield":{"unit":"%","range":[0.0,100.0],"goal":"maximize"}},"limits":["purity >= 95"],"planner":{"batch":3},"schema":"labloop/1"}', '', 0, 0);
INSERT INTO public.experiment VALUES (1, 1, 'completed', 1, 1, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"number":1,"observations":[{"at":"2026-11-25T15:23:14.914+00:00","index":1,"outcomes":{"purity":97.0,"yield":61.5}}],"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":20.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"completed"}');
INSERT INTO public.experiment VALUES (1, 2, 'completed', 1, 2, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"number":2,"observations":[{"at":"2026-11-25T15:23:14.914+00:00","index":1,"outcomes":{"yield":83.2}},{"at":"2026-11-25T15:23:14.962+00:00","covariates":{"humidity":41.0},"index":2,"outcomes":{"yield":40.0}}],"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":25.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"completed"}');
INSERT INTO public.experiment VALUES (1, 3, 'infeasible', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"failure":"infeasible","note":"did not dissolve","number":3,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":30.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"infeasible"}');
INSERT INTO public.experiment VALUES (1, 4, 'vetoed', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"note":"out of stock","number":4,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":35.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"vetoed"}');
INSERT INTO public.experiment VALUES (1, 6, 'vetoed', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"note":"too viscous","number":6,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":45.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"vetoed"}');
INSERT INTO public.experiment VALUES (1, 7, 'proposed', 2, 0, '{"batch":2,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:15.218+00:00","distance":0.5,"number":7,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":50.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","replaces":6,"slot":"novelty","status":"proposed"}');
INSERT INTO public.experiment VALUES (1, 8, 'accepted', NULL, 0, '{"created_at":"2026-11-25T15:23:15.256+00:00","note":"an idea","number":8,"origin":"manual","planned":{"operator":"robot","solvent":"DMSO","temperature":60.0,"time":5.0},"status":"accepted"}');
INSERT INTO public.experiment VALUES (1, 9, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:23:15.302+00:00","number":9,"observations":[{"at":"2026-11-25T15:23:15.302+00:00","index":1,"outcomes":{"yield":10.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":20.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 10, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:23:15.302+00:00","number":10,"observations":[{"at":"2026-11-25T15:23:15.302+00:00","index":1,"outcomes":{"yield":11.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":25.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 11, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:23:15.302+00:00","number":11,"observations":[{"at":"2026-11-25T15:23:15.302+00:00","index":1,"outcomes":{"yield":12.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":30.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 12, 'completed', NULL, 1, '{"created_at":"2026-11-25T15:23:15.302+00:00","number":12,"observations":[{"at":"2026-11-25T15:23:15.302+00:00","index":1,"outcomes":{"yield":13.0}}],"origin":"import","planned":{"operator":"robot","solvent":"DMSO","temperature":35.0,"time":5.0},"status":"completed"}');
INSERT INTO public.experiment VALUES (1, 5, 'running', 1, 0, '{"batch":1,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:14.868+00:00","distance":0.5,"number":5,"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":40.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"running"}');
INSERT INTO public.experiment VALUES (1, 14, 'proposed', 3, 0, '{"batch":3,"chance_of_best":0.25,"created_at":"2026-11-25T15:23:15.476+00:00","distance":0.5,"number":14,"origin":"planner","planned":{"operator":"robot","solvent":"EtOH","temperature":20.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"proposed"}');
INSERT INTO public.experiment VALUES (1, 13, 'completed', 3, 1, '{"batch":3,"chance_of_best":0.25,"claim":{"claimant":"robot-1","since":"2026-11-25T15:23:15.575+00:00","token":16,"until":"2026-11-25T23:23:15+00:00"},"created_at":"2026-11-25T15:23:15.476+00:00","distance":0.5,"number":13,"observations":[{"at":"2026-11-25T15:23:15.650+00:00","extra":{"claim":"16"},"index":1,"outcomes":{"yield":31.0}}],"origin":"planner","planned":{"operator":"robot","solvent":"water","temperature":80.0,"time":10.0},"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty","status":"completed"}');
INSERT INTO public.labloop_meta VALUES ('schema_version', '2');
INSERT INTO public.labloop_meta VALUES ('labloop_version', '0.1.0');
INSERT INTO public.ledger VALUES (1, 1, 'created', '2026-11-25T15:23:14.799+00:00', 'anna', '0.1.0', '{"source":"","spec":"{\"name\":\"reaction\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":1}', '0000000000000000000000000000000000000000000000000000000000000000', '2616f0197ea879be81a9209d390cd7d07746541fd3535d3b5c6c19f1f1e54db4');
INSERT INTO public.ledger VALUES (1, 2, 'proposed', '2026-11-25T15:23:14.868+00:00', 'anna', '0.1.0', '{"batch":1,"data":{"hash":"2616f0197ea879be81a9209d390cd7d07746541fd3535d3b5c6c19f1f1e54db4","sequence":1},"experiments":[{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":20.0,"time":10.0},"distance":0.5,"number":1,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":25.0,"time":10.0},"distance":0.5,"number":2,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":30.0,"time":10.0},"distance":0.5,"number":3,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":35.0,"time":10.0},"distance":0.5,"number":4,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":40.0,"time":10.0},"distance":0.5,"number":5,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":45.0,"time":10.0},"distance":0.5,"number":6,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"}],"notes":[],"packages":{"botorch":"0.18.1","gpytorch":"1.15.2","labloop":"0.1.0","numpy":"2.4.6","scipy":"1.17.1","torch":"2.13.0+cpu"},"planner":{"surrogate":"none"},"seed":186059962863770,"spec_version":1,"strategy":"explore"}', '2616f0197ea879be81a9209d390cd7d07746541fd3535d3b5c6c19f1f1e54db4', 'abf3a8965ba180f115097fef340f114f7df6f0e06d80638f709bec61c69cf6a5');
INSERT INTO public.ledger VALUES (1, 3, 'recorded', '2026-11-25T15:23:14.914+00:00', 'anna', '0.1.0', '{"results":[{"experiment":1,"observation":{"index":1,"outcomes":{"purity":97.0,"yield":61.5}}},{"experiment":2,"observation":{"index":1,"outcomes":{"yield":38.2}}}],"source":"a.csv"}', 'abf3a8965ba180f115097fef340f114f7df6f0e06d80638f709bec61c69cf6a5', 'be9c71935d87acd34b667570e3bdda073bf9e0ea7419fcff01f78cc70835a728');
INSERT INTO public.ledger VALUES (1, 4, 'recorded', '2026-11-25T15:23:14.962+00:00', 'anna', '0.1.0', '{"results":[{"experiment":2,"observation":{"covariates":{"humidity":41.0},"index":2,"outcomes":{"yield":40.0}}}],"source":""}', 'be9c71935d87acd34b667570e3bdda073bf9e0ea7419fcff01f78cc70835a728', '9437428993246d43da1991fc5539d11d3a299b91644b7c4ecb2462f977904c63');
INSERT INTO public.ledger VALUES (1, 5, 'amended', '2026-11-25T15:23:15.004+00:00', 'anna', '0.1.0', '{"experiment":2,"observation":1,"outcomes":{"yield":83.2},"reason":"typed 38.2 for 83.2"}', '9437428993246d43da1991fc5539d11d3a299b91644b7c4ecb2462f977904c63', '27a62169a60f987992b028d22c28cdba53a3c8287f324972ca0974cc1c588650');
INSERT INTO public.ledger VALUES (1, 6, 'recorded', '2026-11-25T15:23:15.059+00:00', 'anna', '0.1.0', '{"results":[{"experiment":3,"failure":"infeasible","note":"did not dissolve"}],"source":""}', '27a62169a60f987992b028d22c28cdba53a3c8287f324972ca0974cc1c588650', '528cfeee6d1b47897a833f44120c17b8481f6d00b6dede792d1632b5576951c6');
INSERT INTO public.ledger VALUES (1, 7, 'vetoed', '2026-11-25T15:23:15.102+00:00', 'anna', '0.1.0', '{"experiments":[4],"reason":"out of stock"}', '528cfeee6d1b47897a833f44120c17b8481f6d00b6dede792d1632b5576951c6', 'e2ee9cea67c1f47cff0d67a59d66fd9641ef96ea0a32f9b425c1239218b6240d');
INSERT INTO public.ledger VALUES (1, 8, 'moved', '2026-11-25T15:23:15.142+00:00', 'anna', '0.1.0', '{"experiments":[5],"reason":"","status":"running"}', 'e2ee9cea67c1f47cff0d67a59d66fd9641ef96ea0a32f9b425c1239218b6240d', '87632aaf77f49326c7421b0ea8c684073f75409387d724a5f313c4f06708b3c9');
INSERT INTO public.ledger VALUES (1, 9, 'vetoed', '2026-11-25T15:23:15.208+00:00', 'anna', '0.1.0', '{"experiments":[6],"reason":"too viscous"}', '87632aaf77f49326c7421b0ea8c684073f75409387d724a5f313c4f06708b3c9', '682b3dbe6adbdd55acc7cea91c8b41fbde7d3e08f27aee9b8f59138bc324fc30');
INSERT INTO public.ledger VALUES (1, 10, 'proposed', '2026-11-25T15:23:15.218+00:00', 'anna', '0.1.0', '{"batch":2,"data":{"hash":"87632aaf77f49326c7421b0ea8c684073f75409387d724a5f313c4f06708b3c9","sequence":8},"experiments":[{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":50.0,"time":10.0},"distance":0.5,"number":7,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","replaces":6,"slot":"novelty"}],"notes":[],"packages":{"botorch":"0.18.1","gpytorch":"1.15.2","labloop":"0.1.0","numpy":"2.4.6","scipy":"1.17.1","torch":"2.13.0+cpu"},"planner":{"surrogate":"none"},"seed":173474642010115,"spec_version":1,"strategy":"explore"}', '682b3dbe6adbdd55acc7cea91c8b41fbde7d3e08f27aee9b8f59138bc324fc30', 'eb84cd8e6c2e093cab0bf020682cd926db6aabbe634fed1e6cf587e2d60dfe81');
INSERT INTO public.ledger VALUES (1, 11, 'added', '2026-11-25T15:23:15.256+00:00', 'anna', '0.1.0', '{"experiments":[{"conditions":{"operator":"robot","solvent":"DMSO","temperature":60.0,"time":5.0},"note":"an idea","number":8}],"origin":"manual","source":""}', 'eb84cd8e6c2e093cab0bf020682cd926db6aabbe634fed1e6cf587e2d60dfe81', 'd554b1e0f993c0f4bea8ac8177308ec8ae0acf259c3d0105832c8d4a70c2cc71');
INSERT INTO public.ledger VALUES (1, 12, 'added', '2026-11-25T15:23:15.302+00:00', 'anna', '0.1.0', '{"experiments":[{"conditions":{"operator":"robot","solvent":"DMSO","temperature":20.0,"time":5.0},"key":"cfc1f97ddb0b28bad9980d45da2851154e680a2fe64180e26f911f4fa2bddae9","number":9,"observations":[{"index":1,"outcomes":{"yield":10.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":25.0,"time":5.0},"key":"a58ae211cb6e2f6e5afc9cf4f82d08396a9655f0e8c6950b9962694868b6dab0","number":10,"observations":[{"index":1,"outcomes":{"yield":11.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":30.0,"time":5.0},"key":"e5cda2dae9ce6db36242fcf3e1aef18d9cdb88294b58c036132bce29f4b10a75","number":11,"observations":[{"index":1,"outcomes":{"yield":12.0}}]},{"conditions":{"operator":"robot","solvent":"DMSO","temperature":35.0,"time":5.0},"key":"f5f907d4fecd31cd055c65ca99ce607e09b158ca335fa05bcb8633a73231d2d7","number":12,"observations":[{"index":1,"outcomes":{"yield":13.0}}]}],"origin":"import","source":"old.csv"}', 'd554b1e0f993c0f4bea8ac8177308ec8ae0acf259c3d0105832c8d4a70c2cc71', '45b627fc5f8063066e129f318d9f1915b1b2f36f02b398a1329015842b259511');
INSERT INTO public.ledger VALUES (1, 13, 'recorded', '2026-11-25T15:23:15.357+00:00', 'anna', '0.1.0', '{"results":[{"experiment":5,"observation":{"index":1,"outcomes":{"yield":99.0}}}],"source":""}', '45b627fc5f8063066e129f318d9f1915b1b2f36f02b398a1329015842b259511', '488390d16806169335c0d81b55ac21586451b53fc4592f91f0f0e23777921b74');
INSERT INTO public.ledger VALUES (1, 14, 'undone', '2026-11-25T15:23:15.407+00:00', 'anna', '0.1.0', '{"reason":"the wrong vial","sequence":13}', '488390d16806169335c0d81b55ac21586451b53fc4592f91f0f0e23777921b74', '2873a70d3325106e21c27755dcade423f14d5df5d8c00ab8d2cdf51acd1f9283');
INSERT INTO public.ledger VALUES (1, 15, 'proposed', '2026-11-25T15:23:15.476+00:00', 'anna', '0.1.0', '{"batch":3,"data":{"hash":"2873a70d3325106e21c27755dcade423f14d5df5d8c00ab8d2cdf51acd1f9283","sequence":14},"experiments":[{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"water","temperature":80.0,"time":10.0},"distance":0.5,"number":13,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"},{"chance_of_best":0.25,"conditions":{"operator":"robot","solvent":"EtOH","temperature":20.0,"time":10.0},"distance":0.5,"number":14,"predictions":{"yield":{"high":66.4,"low":33.6,"mean":50.0,"median":50.0,"sd":10.0}},"reason":"Nobody looked here.","slot":"novelty"}],"notes":[],"packages":{"botorch":"0.18.1","gpytorch":"1.15.2","labloop":"0.1.0","numpy":"2.4.6","scipy":"1.17.1","torch":"2.13.0+cpu"},"planner":{"surrogate":"none"},"request":{"content":"8fb2644394357bcf61138ec99df2b946ee93028ed1c4581fa339021b7d7cdf23","key":"batch-3","notes":[]},"seed":260303270561787,"spec_version":1,"strategy":"explore"}', '2873a70d3325106e21c27755dcade423f14d5df5d8c00ab8d2cdf51acd1f9283', '2d25fb01a3683e05f9398e45b9d6c5aa84677b5ea0bb1da8ff8f77ba7d04699d');
INSERT INTO public.ledger VALUES (1, 16, 'claimed', '2026-11-25T15:23:15.527+00:00', 'anna', '0.1.0', '{"claimant":"robot-1","experiments":[13,14],"until":"2026-11-25T19:23:15+00:00"}', '2d25fb01a3683e05f9398e45b9d6c5aa84677b5ea0bb1da8ff8f77ba7d04699d', '824c16d15b74f0b505211997e85380001ebb8aa6a8407f5c6c90cfabe667a1cc');
INSERT INTO public.ledger VALUES (1, 17, 'claimed', '2026-11-25T15:23:15.575+00:00', 'anna', '0.1.0', '{"claimant":"robot-1","experiments":[13,14],"renews":16,"until":"2026-11-25T23:23:15+00:00"}', '824c16d15b74f0b505211997e85380001ebb8aa6a8407f5c6c90cfabe667a1cc', 'a653f30f7cb861a22fe2bf0f37024adfe0c35d8fa842c2c8acbd6508cdc50bb8');
INSERT INTO public.ledger VALUES (1, 18, 'released', '2026-11-25T15:23:15.610+00:00', 'anna', '0.1.0', '{"experiments":[14],"reason":"the pump broke"}', 'a653f30f7cb861a22fe2bf0f37024adfe0c35d8fa842c2c8acbd6508cdc50bb8', '4eb0fac02ea6c1c74994b0fb6da60e6ddd8574bbc9b65e73cf8cc53853978ec2');
INSERT INTO public.ledger VALUES (1, 19, 'recorded', '2026-11-25T15:23:15.650+00:00', 'anna', '0.1.0', '{"request":{"content":"bc4684b92f6104cfe011c97507a6904f885a4235981d528a7063b4a65ad7653d","key":"run-13","notes":[],"skipped":0},"results":[{"experiment":13,"observation":{"extra":{"claim":"16"},"index":1,"outcomes":{"yield":31.0}}}],"source":""}', '4eb0fac02ea6c1c74994b0fb6da60e6ddd8574bbc9b65e73cf8cc53853978ec2', 'f365e6256997dc17c97bca4d079f8bbe49a28a5f1c8854648406d6d247c2ab11');
INSERT INTO public.ledger VALUES (1, 20, 'revised', '2026-11-25T15:23:15.684+00:00', 'anna', '0.1.0', '{"reason":"the question was missing","source":"","spec":"{\"name\":\"reaction\",\"question\":\"Which solvent?\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":2}', 'f365e6256997dc17c97bca4d079f8bbe49a28a5f1c8854648406d6d247c2ab11', '18d26689485ce026097df63b46805683b2baf99883f118176e7d26858c3b403c');
INSERT INTO public.ledger VALUES (2, 1, 'created', '2026-11-25T15:23:15.720+00:00', 'anna', '0.1.0', '{"source":"","spec":"{\"name\":\"empty\",\"parameters\":{\"temperature\":{\"unit\":\"degC\",\"bounds\":[20.0,80.0],\"step\":5.0},\"time\":{\"unit\":\"h\",\"scale\":\"log\",\"bounds\":[1.0,100.0]},\"solvent\":{\"choices\":[\"water\",\"EtOH\",\"DMSO\"]},\"humidity\":{\"unit\":\"%\",\"observed\":true},\"operator\":{\"value\":\"robot\"}},\"objectives\":{\"yield\":{\"unit\":\"%\",\"range\":[0.0,100.0],\"goal\":\"maximize\"}},\"limits\":[\"purity >= 95\"],\"planner\":{\"batch\":3},\"schema\":\"labloop/1\"}","version":1}', '0000000000000000000000000000000000000000000000000000000000000000', '1037fb55a998d586b8be7651efb40fd1287beb74739f270bfb2a97e27ce757b9');
INSERT INTO public.receipt VALUES (1, 'cfc1f97ddb0b28bad9980d45da2851154e680a2fe64180e26f911f4fa2bddae9', 12);
INSERT INTO public.receipt VALUES (1, 'a58ae211cb6e2f6e5afc9cf4f82d08396a9655f0e8c6950b9962694868b6dab0', 12);
INSERT INTO public.receipt VALUES (1, 'e5cda2dae9ce6db36242fcf3e1aef18d9cdb88294b58c036132bce29f4b10a75', 12);
INSERT INTO public.receipt VALUES (1, 'f5f907d4fecd31cd055c65ca99ce607e09b158ca335fa05bcb8633a73231d2d7', 12);
INSERT INTO public.request VALUES (1, 'batch-3', '8fb2644394357bcf61138ec99df2b946ee93028ed1c4581fa339021b7d7cdf23', 15);
INSERT INTO public.request VALUES (1, 'run-13', 'bc4684b92f6104cfe011c97507a6904f885a4235981d528a7063b4a65ad7653d', 19);
INSERT INTO public.result VALUES (1, 1, 'purity', 97, 1);
INSERT INTO public.result VALUES (1, 1, 'yield', 61.5, 1);
INSERT INTO public.result VALUES (1, 2, 'yield', 61.6, 2);
INSERT INTO public.result VALUES (1, 9, 'yield', 10, 1);
INSERT INTO public.result VALUES (1, 10, 'yield', 11, 1);
INSERT INTO public.result VALUES (1, 11, 'yield', 12, 1);
INSERT INTO public.result VALUES (1, 12, 'yield', 13, 1);
INSERT INTO public.result VALUES (1, 13, 'yield', 31, 1);
INSERT INTO public.touch VALUES (1, 1, 2);
INSERT INTO public.touch VALUES (1, 2, 2);
INSERT INTO public.touch VALUES (1, 3, 2);
INSERT INTO public.touch VALUES (1, 4, 2);
INSERT INTO public.touch VALUES (1, 5, 2);
INSERT INTO public.touch VALUES (1, 6, 2);
INSERT INTO public.touch VALUES (1, 1, 3);
INSERT INTO public.touch VALUES (1, 2, 3);
INSERT INTO public.touch VALUES (1, 2, 4);
INSERT INTO public.touch VALUES (1, 2, 5);
INSERT INTO public.touch VALUES (1, 3, 6);
INSERT INTO public.touch VALUES (1, 4, 7);
INSERT INTO public.touch VALUES (1, 5, 8);
INSERT INTO public.touch VALUES (1, 6, 9);
INSERT INTO public.touch VALUES (1, 7, 10);
INSERT INTO public.touch VALUES (1, 8, 11);
INSERT INTO public.touch VALUES (1, 9, 12);
INSERT INTO public.touch VALUES (1, 10, 12);
INSERT INTO public.touch VALUES (1, 11, 12);
INSERT INTO public.touch VALUES (1, 12, 12);
INSERT INTO public.touch VALUES (1, 5, 13);
INSERT INTO public.touch VALUES (1, 13, 15);
INSERT INTO public.touch VALUES (1, 14, 15);
INSERT INTO public.touch VALUES (1, 13, 16);
INSERT INTO public.touch VALUES (1, 14, 16);
INSERT INTO public.touch VALUES (1, 13, 17);
INSERT INTO public.touch VALUES (1, 14, 17);
INSERT INTO public.touch VALUES (1, 14, 18);
INSERT INTO public.touch VALUES (1, 13, 19);
SELECT pg_catalog.setval('public.campaign_id_seq', 2, true);
ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_name_key UNIQUE (name);
ALTER TABLE ONLY public.campaign
    ADD CONSTRAINT campaign_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_pkey PRIMARY KEY (campaign_id, number);
ALTER TABLE ONLY public.labloop_meta
    ADD CONSTRAINT labloop_meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (campaign_id, sequence);
ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_pkey PRIMARY KEY (campaign_id, key);
ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_pkey PRIMARY KEY (campaign_id, key);
ALTER TABLE ONLY public.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (campaign_id, experiment, outcome);
ALTER TABLE ONLY public.touch
    ADD CONSTRAINT touch_pkey PRIMARY KEY (campaign_id, experiment, sequence);
CREATE INDEX experiment_status ON public.experiment USING btree (campaign_id, status, number, observations);
CREATE INDEX result_mean ON public.result USING btree (campaign_id, outcome, mean, experiment);
CREATE TRIGGER ledger_refuses_change BEFORE DELETE OR UPDATE OR TRUNCATE ON public.ledger FOR EACH STATEMENT EXECUTE FUNCTION public.ledger_is_append_only();
ALTER TABLE ONLY public.experiment
    ADD CONSTRAINT experiment_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.ledger
    ADD CONSTRAINT ledger_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.receipt
    ADD CONSTRAINT receipt_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.request
    ADD CONSTRAINT request_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.result
    ADD CONSTRAINT result_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
ALTER TABLE ONLY public.touch
    ADD CONSTRAINT touch_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaign(id);
